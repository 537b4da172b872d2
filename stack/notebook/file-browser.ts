// A session's whole program where nothing better can be had: lists and hands out the files below a directory, read-only.
// Runs alone, from this file and what it imports beside it: file-browser.ts <address> <port> <directory> <secret file>
import { createReadStream } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cookieOf, givenToken, isToken } from './browser-token.ts'
import { listingPage } from './browser-page.ts'

const [address = '127.0.0.1', port = '', directory = '', secretFile = ''] = process.argv.slice(2)
const token = (await readFile(secretFile, 'utf8')).trim()
const root = await realpath(directory)

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-same-origin allow-downloads",
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => {
    if (!response.headersSent) plain(response, 500, 'This could not be read.')
    response.destroy()
  })
})
server.requestTimeout = 30_000
server.listen(Number(port), address, () => console.log(`listening on ${address}:${port}`))
process.once('SIGTERM', () => process.exit(0))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(response, 405, 'Files are read here, not changed.')
  const url = new URL(request.url ?? '/', 'http://browser')
  if (url.pathname === '/api') return plain(response, 200, '{"carrel":"file-browser"}', 'application/json')
  const given = givenToken(url, request.headers)
  if (given === null || !isToken(given.token, token))
    return plain(response, 403, 'The link that Carrel gave you opens this page.')
  if (given.from === 'query') return enter(response, url)
  await show(response, url.pathname, request.method === 'HEAD')
}

/** Keeps the token in a cookie, so that it leaves the address bar. */
function enter(response: ServerResponse, url: URL): void {
  url.searchParams.delete('token')
  // One slash in front: two would be another host's address.
  response
    .writeHead(303, { ...headers, 'set-cookie': cookieOf(token), location: `/${url.pathname.replace(/^\/+/, '')}` })
    .end()
}

async function show(response: ServerResponse, pathname: string, headOnly: boolean): Promise<void> {
  const path = await inside(pathname)
  if (path === null) return plain(response, 404, 'There is no such file.')
  const found = await stat(path)
  if (found.isDirectory()) return plain(response, 200, await pageOf(path, pathname), 'text/html; charset=utf-8')
  if (!found.isFile()) return plain(response, 404, 'This is no file.')
  response.writeHead(200, {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment',
    'content-length': found.size,
  })
  if (headOnly) return void response.end()
  // A file that grows meanwhile is cut at the length that was announced.
  if (found.size === 0) return void response.end()
  await pipeline(createReadStream(path, { end: found.size - 1 }), response)
}

/** Where the path leads, links followed; `null` if that is nowhere, or outside the directory. */
async function inside(pathname: string): Promise<string | null> {
  try {
    const real = await realpath(join(root, decodeURIComponent(pathname)))
    return real === root || real.startsWith(root + sep) ? real : null
  } catch {
    return null
  }
}

async function pageOf(path: string, pathname: string): Promise<string> {
  const entries = await readdir(path, { withFileTypes: true })
  return listingPage(
    decodeURIComponent(pathname),
    entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() })),
  )
}

function plain(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { ...headers, 'content-type': type }).end(text)
}
