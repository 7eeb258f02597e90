"""`tidegate doctor`: a cluster and its Prometheus, checked from where the user is. One module a subject; each gives `Result`s."""
