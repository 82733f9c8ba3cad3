"""The stacks of a workspace in one region: created, changed and deleted as CloudFormation does it, with rollback.

A call returns when its work is done, so whoever waits for a stack waits for nothing. Stacks are in memory, as all of
moto is; what they made in the workspace stays, and the next stack of the same name takes it over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.utils import generate_changeset_id, generate_stack_id, validate_create_change_set
from moto.core.utils import utcnow

from asl_runner.endpoint.cloudformation.kinds.base import Site
from asl_runner.endpoint.cloudformation.stack import ChangeSet, Stack
from asl_runner.endpoint.cloudformation.work import KEPT, Change, Failed, release

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

ROLLBACK, DELETE, DO_NOTHING = "ROLLBACK", "DELETE", "DO_NOTHING"
"""What becomes of a stack that cannot be created, as `OnFailure` has it."""


_CHANGEABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"}
)


class ChangeSetNotFound(CloudFormationError):  # type: ignore[misc]
    """There is no such change set."""

    code = "ChangeSetNotFound"


class Stacks(CloudFormationBackend):  # type: ignore[misc]
    """moto's backend, with work of its own. Changes come one after another."""

    def __init__(
        self, region_name: str, account_id: str, *, home: str, client: Callable[[str], Any],
        template_at: Callable[[str], str],
    ) -> None:  # fmt: skip
        super().__init__(region_name, account_id)
        self._home, self._client = home, client
        self.template_at = template_at
        """The template at a URL in the workspace's S3. Raises moto's `ValidationError`."""
        self.changing = threading.RLock()
        """Held while a stack changes."""

    def holds(self, physical_id: str) -> bool:
        """Whether a resource of some stack has this id."""
        return any(
            physical_id == resource.physical_resource_id
            for stack in self.stacks.values() for resource in stack.held.values()
        )  # fmt: skip

    # creating

    def create_stack(
        self, name: str, template: str, parameters: dict[str, Any], notification_arns: list[str] | None = None,
        tags: dict[str, str] | None = None, role_arn: str | None = None,
        enable_termination_protection: bool | None = False, timeout_in_mins: int | None = None,
        stack_policy_body: str | None = None, on_failure: str = ROLLBACK,
    ) -> Stack:  # fmt: skip
        """A stack and its resources; where they cannot be made, its status says so. Raises moto's errors."""
        with self.changing:
            if any(stack.name == name for stack in self.stacks.values()):
                raise AlreadyExistsException(f"Stack [{name}] already exists")
            stack = self._stack(
                name, template, parameters, notification_arns=notification_arns, tags=tags, role_arn=role_arn,
                enable_termination_protection=enable_termination_protection, timeout_in_mins=timeout_in_mins,
                stack_policy_body=stack_policy_body,
            )  # fmt: skip
            self.stacks[stack.stack_id] = stack
            self._create(stack, template, parameters, on_failure)
        return stack

    def _stack(self, name: str, template: Any, parameters: dict[str, Any], **members: Any) -> Stack:
        return Stack(
            stack_id=generate_stack_id(name, self.region_name, self.account_id), name=name, template=template,
            parameters=parameters, account_id=self.account_id, region_name=self.region_name,
            cross_stack_resources=self.exports, **members,
        )  # fmt: skip

    def _create(self, stack: Stack, text: str, parameters: dict[str, Any], on_failure: str) -> None:
        names = stack.names_for(stack.read(text, parameters), parameters)
        stack.turn("CREATE_IN_PROGRESS", "User Initiated")
        change = Change(stack, names, self._site_of(stack))
        stack.disable_rollback = on_failure == DO_NOTHING
        try:
            self._apply(stack, change)
        except Failed as failure:
            stack.become(text, names, parameters, [])
            if on_failure == DO_NOTHING:
                stack.turn("CREATE_FAILED", str(failure))
                return
            stack.turn("ROLLBACK_IN_PROGRESS", f"{failure}Rollback requested by user.")
            stack.turn("ROLLBACK_COMPLETE" if change.undo() else "ROLLBACK_FAILED", str(failure))
            if on_failure == DELETE:
                self.delete_stack(stack.stack_id)
            return
        stack.become(text, names, parameters, change.outputs)
        self._export(stack)
        stack.turn("CREATE_COMPLETE")

    def _apply(self, stack: Stack, change: Change) -> None:
        change.apply()
        others = {name for name, export in self.exports.items() if export.exporting_stack_id != stack.stack_id}
        for output in change.outputs:
            if output["ExportName"] in others:
                raise Failed(f"Export with name {output['ExportName']} is already exported by another stack.")

    def _export(self, stack: Stack) -> None:
        for name in [name for name, each in self.exports.items() if each.exporting_stack_id == stack.stack_id]:
            del self.exports[name]
        self.exports.update({export.name: export for export in stack.exports})

    # changing

    def update_stack(
        self, name: str, template: str, role_arn: str | None, parameters: list[dict[str, Any]],
        tags: dict[str, str] | None, disable_rollback: bool = False,
    ) -> Stack:  # fmt: skip
        """Changes a stack; where that cannot be, it is as before. Raises moto's `ValidationError`."""
        with self.changing:
            stack: Stack = self.get_stack(name)
            self._check_changeable(stack)
            given = stack.given(parameters)
            if stack.is_as(template, given, tags):
                raise ValidationError(message="No updates are to be performed.")
            self._update(stack, template, given, tags, disable_rollback)
        return stack

    def _check_changeable(self, stack: Stack) -> None:
        if stack.status not in _CHANGEABLE:
            raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")

    def _update(
        self, stack: Stack, text: str, parameters: dict[str, Any], tags: dict[str, str] | None, disable_rollback: bool
    ) -> None:
        old_tags = stack.tags
        template = stack.read(text, parameters)
        names = stack.names_for(template, parameters)
        stack.tags = old_tags if tags is None else tags
        stack.turn("UPDATE_IN_PROGRESS", "User Initiated")
        stack.last_updated_time = utcnow()
        change = Change(stack, names, self._site_of(stack), retag=stack.tags != old_tags)
        try:
            self._apply(stack, change)
        except Failed as failure:
            if disable_rollback:
                stack.turn("UPDATE_FAILED", str(failure))
                return
            stack.turn("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            stack.tags = old_tags
            stack.turn("UPDATE_ROLLBACK_COMPLETE" if change.undo() else "UPDATE_ROLLBACK_FAILED", str(failure))
            return
        stack.become(text, names, parameters, change.outputs)
        self._export(stack)
        stack.turn("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        change.clean_up()
        stack.turn("UPDATE_COMPLETE")

    # deleting

    def delete_stack(self, name_or_stack_id: str, retain: Sequence[str] = ()) -> None:
        """Deletes a stack and its resources, last made first. One that is not there is deleted."""
        with self.changing:
            found = [s for s in self.stacks.values() if name_or_stack_id in (s.name, s.stack_id)]
            for stack in found:
                self._delete(stack, frozenset(retain))

    def _delete(self, stack: Stack, retained: frozenset[str]) -> None:
        if stack.enable_termination_protection:
            raise ValidationError(
                message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        stack.turn("DELETE_IN_PROGRESS", "User Initiated")
        failed = []
        order = stack.resource_map.order
        for name in sorted(stack.held, key=lambda name: order.index(name) if name in order else -1, reverse=True):
            keep = stack.resource_map.policy(name, "DeletionPolicy") in KEPT or name in retained
            if release(stack, stack.held[name], self._site_of(stack), keep=keep):
                del stack.held[name]
            else:
                failed.append(name)
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(reversed(failed))}]. "
            stack.turn("DELETE_FAILED", reason)
            return
        stack.turn("DELETE_COMPLETE")
        stack.deletion_time = utcnow()
        self.stacks.pop(stack.stack_id, None)
        self.deleted_stacks[stack.stack_id] = stack
        stack._outputs = []
        self._export(stack)
        for identifier in [key for key, each in self.change_sets.items() if each.stack is stack]:
            del self.change_sets[identifier]

    # change sets

    def create_change_set(
        self, stack_name: str, change_set_name: str, template: str, parameters: dict[str, str], description: str,
        change_set_type: str, notification_arns: list[str] | None = None, tags: dict[str, str] | None = None,
        role_arn: str | None = None,
    ) -> tuple[str, str]:  # fmt: skip
        """A change set, of a stack that there is or is to be. Raises moto's `ValidationError`."""
        validate_create_change_set(change_set_name)
        with self.changing:
            stack = self._stack_for(change_set_type, stack_name, change_set_name, tags, role_arn, notification_arns)
            identifier = generate_changeset_id(change_set_name, self.region_name, self.account_id)
            made = ChangeSet(
                change_set_type=change_set_type, change_set_id=identifier, change_set_name=change_set_name, stack=stack,
                template=template, parameters=parameters, description=description,
                notification_arns=notification_arns, tags=tags, role_arn=role_arn,
            )  # fmt: skip
            if change_set_type == "UPDATE" and stack.is_as(template, parameters, tags):
                made.status, made.execution_status, made.status_reason = "FAILED", "UNAVAILABLE", NO_CHANGES
            else:
                made.status, made.execution_status = "CREATE_COMPLETE", "AVAILABLE"
            if stack.stack_id not in self.stacks:
                self.stacks[stack.stack_id] = stack
                stack.turn("REVIEW_IN_PROGRESS", "User Initiated")
            self.change_sets[identifier] = made
        return identifier, stack.stack_id

    def _stack_for(
        self, type: str, name: str, change_set: str, tags: dict[str, str] | None, role_arn: str | None,
        notification_arns: list[str] | None,
    ) -> Stack:  # fmt: skip
        known: list[Stack] = [stack for stack in self.stacks.values() if name in (stack.name, stack.stack_id)]
        if type == "UPDATE":
            if not known:
                raise ValidationError(message=f"Stack [{name}] does not exist")
            self._check_changeable(known[0])
            return known[0]
        if known and known[0].status != "REVIEW_IN_PROGRESS":
            text = f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]."
            raise ValidationError(message=text)
        if known:
            return known[0]
        return self._stack(name, {}, {}, tags=tags, role_arn=role_arn, notification_arns=notification_arns)

    def change_set(self, name: str, stack_name: str | None) -> ChangeSet:
        """By its ARN, or by its name and its stack's. Raises `ChangeSetNotFound`."""
        found: ChangeSet
        for identifier, found in reversed(self.change_sets.items()):
            if name == identifier:
                return found
            if name == found.change_set_name and stack_name in (None, found.stack.name, found.stack.stack_id):
                return found
        raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")

    def execute_change_set(
        self, change_set_name: str, stack_name: str | None = None, disable_rollback: bool = False
    ) -> None:
        """Makes the change. Raises moto's `ValidationError`."""
        with self.changing:
            chosen = self.change_set(change_set_name, stack_name)
            if chosen.execution_status != "AVAILABLE":
                raise ValidationError(
                    message=f"ChangeSet [{chosen.change_set_id}] cannot be executed in its current status of "
                    f"[{chosen.status}]"
                )
            chosen.execution_status = "EXECUTE_IN_PROGRESS"
            if chosen.change_set_type == "CREATE":
                on_failure = DO_NOTHING if disable_rollback else ROLLBACK
                self._create(chosen.stack, chosen.template, chosen.parameters, on_failure)
            else:
                self._update(chosen.stack, chosen.template, chosen.parameters, chosen.tags or None, disable_rollback)
            failed = "ROLLBACK" in chosen.stack.status or chosen.stack.status.endswith("FAILED")
            chosen.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"

    def _site_of(self, stack: Stack) -> Callable[[str, str], Site]:
        def site(logical_id: str, type: str) -> Site:
            return Site(
                stack=stack.name, stack_id=stack.stack_id, logical_id=logical_id, type=type, region=self.region_name,
                account=self.account_id, home=self._home, client=self._client, stacks=self, stack_tags=stack.tags,
            )  # fmt: skip

        return site
