"""SageMaker at home: jobs with the shapes of the API, run for real."""
