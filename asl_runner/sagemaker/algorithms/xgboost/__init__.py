"""SageMaker's built-in XGBoost: `python -m asl_runner.sagemaker.algorithms.xgboost train|serve`.

The programs find their `/opt/ml` tree by `ASL_RUNNER_OPT_ML`, and behave as the image version in
`ASL_RUNNER_XGBOOST_VERSION` does.
"""
