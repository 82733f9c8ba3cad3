"""CloudFormation's protocol: moto's, with the answers that this room gives otherwise."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from asl_runner.endpoint.cloudformation.stack import Stack
from asl_runner.endpoint.cloudformation.stacks import DELETE, DO_NOTHING, ROLLBACK, ChangeSetNotFound, Stacks
from asl_runner.endpoint.cloudformation.summary import summary, validation
from asl_runner.endpoint.cloudformation.template import read_template


class Responses(CloudFormationResponse):  # type: ignore[misc]
    """One request."""

    def __init__(self, stacks_of: Any) -> None:
        super().__init__()
        self._stacks_of = stacks_of

    @property
    def cloudformation_backend(self) -> Stacks:
        """The stacks of the request's region."""
        stacks: Stacks = self._stacks_of(self.region, self.current_account)
        return stacks

    def create_stack(self) -> ActionResult:
        stack = self.cloudformation_backend.create_stack(
            name=self._get_param("StackName"),
            template=self._template(),
            parameters=self._given_parameters(),
            notification_arns=self._get_param("NotificationARNs", []),
            tags=self._given_tags(),
            role_arn=self._get_param("RoleARN"),
            enable_termination_protection=self._get_bool_param("EnableTerminationProtection", False),
            timeout_in_mins=self._get_param("TimeoutInMinutes"),
            stack_policy_body=self._get_param("StackPolicyBody"),
            on_failure=self._on_failure(),
        )
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        stacks = self.cloudformation_backend
        stack: Stack = stacks.get_stack(self._get_param("StackName"))
        stacks.update_stack(
            stack.stack_id,
            self._template(stack),
            self._get_param("RoleARN"),
            self._get_param("Parameters", []),
            self._given_tags() or None,
            self._get_bool_param("DisableRollback", False),
        )
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> EmptyResult:
        retained = self._get_param("RetainResources", [])
        self.cloudformation_backend.delete_stack(self._get_param("StackName"), retained)
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection", False)
        return ActionResult({"StackId": stack.stack_id})

    # change sets

    def create_change_set(self) -> ActionResult:
        stacks = self.cloudformation_backend
        name, type = self._get_param("StackName"), self._get_param("ChangeSetType") or "UPDATE"
        stack: Stack | None = stacks.get_stack(name) if type == "UPDATE" else None
        parameters = self._get_param("Parameters", [])
        identifier, stack_id = stacks.create_change_set(
            stack_name=name,
            change_set_name=self._get_param("ChangeSetName"),
            template=self._template(stack),
            parameters=self._given_parameters() if stack is None else stack.given(parameters),
            description=self._get_param("Description"),
            notification_arns=self._get_param("NotificationARNs", []),
            tags=self._given_tags(),
            role_arn=self._get_param("RoleARN"),
            change_set_type=type,
        )
        return ActionResult({"Id": identifier, "StackId": stack_id})

    def describe_change_set(self) -> ActionResult:
        return ActionResult(self._change_set())

    def delete_change_set(self) -> EmptyResult:
        with suppress(ChangeSetNotFound):
            del self.cloudformation_backend.change_sets[self._change_set().change_set_id]
        return EmptyResult()

    def execute_change_set(self) -> EmptyResult:
        self.cloudformation_backend.execute_change_set(
            self._change_set().change_set_id, disable_rollback=self._get_bool_param("DisableRollback", False)
        )
        return EmptyResult()

    def list_change_sets(self) -> ActionResult:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        found = [each for each in self.cloudformation_backend.change_sets.values() if each.stack is stack]
        return ActionResult({"Summaries": found})

    # resources

    def describe_stack_resource(self) -> ActionResult:
        name, stack = self._get_param("LogicalResourceId"), self._stack()
        if name not in stack.statuses:
            raise ValidationError(message=f"Resource {name} does not exist for stack {stack.name}")
        said = stack.statuses[name]
        return ActionResult({"StackResourceDetail": {**said, "LastUpdatedTimestamp": said["Timestamp"]}})

    def describe_stack_resources(self) -> ActionResult:
        name = self._get_param("LogicalResourceId")
        found = [said for each, said in self._stack().statuses.items() if name in (None, each)]
        return ActionResult({"StackResources": found})

    def list_stack_resources(self) -> ActionResult:
        found = [{**said, "LastUpdatedTimestamp": said["Timestamp"]} for said in self._stack().statuses.values()]
        return ActionResult({"StackResourceSummaries": found})

    # templates

    def get_template(self) -> ActionResult:
        stages = ["Original", "Processed"]
        if name := self._get_param("ChangeSetName"):
            body = self.cloudformation_backend.change_set(name, self._get_param("StackName")).template
        else:
            body = self._stack().template
        return ActionResult({"TemplateBody": body or "", "StagesAvailable": stages})

    def get_template_summary(self) -> ActionResult:
        stack = self._stack() if self._get_param("StackName") else None
        return ActionResult(summary(read_template(stack.template if stack else self._template())))

    def validate_template(self) -> ActionResult:
        return ActionResult(validation(read_template(self._template())))

    def _stack(self) -> Stack:
        stack: Stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        return stack

    def _change_set(self) -> Any:
        name, stack = self._get_param("ChangeSetName"), self._get_param("StackName")
        return self.cloudformation_backend.change_set(name, stack)

    def _template(self, stack: Stack | None = None) -> str:
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        if body:
            return str(body)
        if url:
            return self.cloudformation_backend.template_at(url)
        if stack is not None and self._get_bool_param("UsePreviousTemplate", False):
            return str(stack.template)
        raise ValidationError(message="Either Template URL or Template Body must be specified.")

    def _given_parameters(self) -> dict[str, str]:
        given = self._get_param("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}

    def _given_tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])}

    def _on_failure(self) -> str:
        if self._get_bool_param("DisableRollback", False):
            return DO_NOTHING
        chosen = self._get_param("OnFailure", ROLLBACK)
        if chosen not in (ROLLBACK, DELETE, DO_NOTHING):
            raise ValidationError(message=f"OnFailure must be one of {ROLLBACK}, {DELETE}, {DO_NOTHING}.")
        return str(chosen)
