"""What is served beside the contract: probes, the contract itself, its documentation."""
