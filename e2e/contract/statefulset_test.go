package contract

var statefulSetReadings = map[string]readings{}
