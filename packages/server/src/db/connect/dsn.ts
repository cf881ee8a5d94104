/** `localhost:5432`: the server of a DSN, without credentials. */
export function serverOf(url: string): string {
  const { hostname, port, searchParams } = new URL(url)
  // The driver prefers the host in the query, which may be the folder of a socket.
  const host = searchParams.get('host') || hostname || 'localhost'
  return `${host}:${searchParams.get('port') || port || '5432'}`
}

/** The database of a DSN. */
export function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1))
}

/** The DSN of another database, on the same server and with the same credentials. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}
