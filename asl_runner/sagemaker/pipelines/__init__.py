"""SageMaker Pipelines definitions: read, checked, and turned into state machines the interpreter runs.

    pipeline = read(Path("pipeline.json"))       # raises InvalidDefinition, with .diagnostics
    machine = translate(pipeline)                # a JSONata state machine, as a dict

Source: SageMaker developer guide, "Pipelines"; the documents the SageMaker SDK writes.
"""

from asl_runner.definition.pipelines import is_pipeline
from asl_runner.sagemaker.pipelines.document import Parameter, Pipeline, Step
from asl_runner.sagemaker.pipelines.reading import check, read
from asl_runner.sagemaker.pipelines.translation import translate

__all__ = ["Parameter", "Pipeline", "Step", "check", "is_pipeline", "read", "translate"]
