"""The data of distributed Maps in S3: what an ItemReader reads and a ResultWriter writes."""
