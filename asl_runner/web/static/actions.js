// What changes something: calls of AWS's own API, which is served at the same port.

import { BASE } from "./lib.js";

export async function call(operation, request) {
  const answer = await fetch("/", {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AWSStepFunctions.${operation}` },
    body: JSON.stringify(request),
  });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.message || document.Message || document.__type || "It was refused.");
  return document;
}

/** Starts an execution; a machine that came from a file is created first, under the name it ran by. */
export async function start(machine, name, input) {
  let arn = machine.arn;
  if (!machine.startable) {
    const definition = byDefinition(machine);
    const request = { name: machine.name, definition, roleArn: machine.roleArn || "arn:aws:iam::123456789012:role/local" };
    arn = (await call("CreateStateMachine", request)).stateMachineArn;
  }
  const request = { stateMachineArn: arn, input };
  if (name) request.name = name;
  return (await call("StartExecution", request)).executionArn;
}

const byDefinition = (machine) => machine.definition || document.getElementById("definition").textContent;

export function executionUrl(arn) {
  const path = `${BASE}/executions/${arn.split("/").map((part) => encodeURIComponent(part).replaceAll("%3A", ":")).join("/")}`;
  return path.endsWith(".json") ? `${path}/` : path;
}

export function parsed(text) {
  try {
    return [JSON.parse(text), null];
  } catch (problem) {
    return [null, `This is not JSON: ${problem.message}`];
  }
}
