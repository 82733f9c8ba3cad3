"""What runs when a SageMaker job is created: training, tuning, batch transform; and the model, which does not run."""
