"""State machines in the files that deploy them: SAM, CloudFormation, `cdk.out`, Terraform's plans, Serverless files.

Each comes with its definition complete, its placeholders filled in, and the code of its functions.
"""
