"""How a job's container runs: the contract of `/opt/ml`, which program an image stands for, and the child process."""
