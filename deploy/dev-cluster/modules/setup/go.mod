module ambient-code.io/dev-cluster/setup

go 1.25.0
