"""AWS APIs as Step Functions calls them: botocore's models, its names and errors spelt as the Java SDKs spell them."""
