package version

// UserAgent is what stemflow calls itself to the provider and its file hosts, whose edge refuses
// some clients by what their libraries send of themselves.
const UserAgent = "stemflow/1 (+durable stem separation)"
