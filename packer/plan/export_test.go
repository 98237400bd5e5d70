package plan

// Sample is for the test that looks for what it lacks.
var Sample = sample
