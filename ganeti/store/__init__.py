"""What is durable: the cluster's state, its log, its projections, and a node's own record."""
