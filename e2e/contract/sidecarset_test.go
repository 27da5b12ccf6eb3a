package contract

var sidecarSetReadings = map[string]readings{}
