package contract

var schedPatchReadings = map[string]readings{}
