// Package codecserver makes encrypted payloads readable in Temporal UI for people who may
// read them. The UI runs in the reader's browser and asks this server, with the reader's
// session cookie, to decode what Temporal stores; Temporal itself never sees plain text.
//
// The UI and this server must share a site (localhost, or one registrable domain), since
// the cookie is SameSite=Lax. Who decoded how much of which namespace is logged, with the
// user's ID.
package codecserver
