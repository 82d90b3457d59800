"""What can be asked about the cluster: field tables, filters, evaluation on rows; all pure."""
