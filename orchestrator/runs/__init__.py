"""Many environments: whole runs, begun, resumed, forecast and reported."""
