package resourcecharts

// traffic is what all interfaces of the machine have received and sent, in bytes.
type traffic struct{ received, sent uint64 }
