// Package devservers finds, starts and stops the programs that a local stack and the integration
// tests run on: Temporal's dev server, MinIO, and whatever else is described as a [Command]. Each
// runs as a child process that does not outlive its parent.
package devservers

// loopback is the only address that anything here listens on.
const loopback = "127.0.0.1"
