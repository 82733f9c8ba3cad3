"""S3 at home: objects are plain files, served to boto3 clients as well."""
