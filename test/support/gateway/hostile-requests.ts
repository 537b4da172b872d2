import { hostOf, session } from './memory-doors.ts'
import { cookieOf, ownOrigin } from './stand.ts'
import type { Asked } from './stand.ts'

const own = ownOrigin()
const other = hostOf(session('s1other'))
const upgrading = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'x',
}

/** One row: what is asked, and the status and code of the answer. Nothing of it may reach the session. */
export interface HostileRequest {
  readonly name: string
  readonly ask: () => Asked | string
  readonly answer: readonly [status: number, code: string | null]
}

export const hostileRequests = (pass: () => string): readonly HostileRequest[] => {
  const cookie = () => ({ Cookie: cookieOf(pass()) })
  return [
    { name: 'no cookie', ask: () => ({}), answer: [401, 'no_pass'] },
    {
      name: 'a made-up pass',
      ask: () => ({ headers: { Cookie: cookieOf(`cp_${'A'.repeat(43)}`) } }),
      answer: [401, 'no_pass'],
    },
    {
      name: 'the pass at another session’s door',
      ask: () => ({ host: other.name, headers: cookie() }),
      answer: [401, 'no_pass'],
    },
    {
      name: 'the pass at another door of the session',
      ask: () => ({ host: hostOf(session(), 'desk').name, headers: cookie() }),
      answer: [401, 'no_pass'],
    },
    {
      name: 'a host that is no door',
      ask: () => ({ host: 'portal.localhost', headers: cookie() }),
      answer: [404, 'door_unknown'],
    },
    {
      name: 'the bare sessions domain',
      ask: () => ({ host: 'localhost', headers: cookie() }),
      answer: [404, 'door_unknown'],
    },
    {
      name: 'an address instead of a name',
      ask: () => ({ host: '127.0.0.1', headers: cookie() }),
      answer: [404, 'door_unknown'],
    },
    {
      name: 'a name with a dot at its end',
      ask: () => ({ host: `${hostOf().name}.`, headers: cookie() }),
      answer: [404, 'door_unknown'],
    },
    {
      name: 'two hosts',
      ask: () =>
        `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nHost: ${other.name}\r\nConnection: close\r\nCookie: ${cookieOf(pass())}\r\n\r\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'no host',
      ask: () => `GET / HTTP/1.1\r\nConnection: close\r\nCookie: ${cookieOf(pass())}\r\n\r\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'an absolute target',
      ask: () => ({ path: `http://${other.name}/`, headers: cookie() }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a fetch of another session’s page',
      ask: () => ({
        headers: { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors', Origin: ownOrigin(other) },
      }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'an image on another session’s page',
      ask: () => ({
        headers: { ...cookie(), 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' },
      }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a form of another session’s page',
      ask: () => ({
        method: 'POST',
        body: 'a=1',
        headers: {
          ...cookie(),
          'Sec-Fetch-Site': 'same-site',
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': 'document',
          Origin: ownOrigin(other),
        },
      }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a frame on another session’s page',
      ask: () => ({
        headers: {
          ...cookie(),
          'Sec-Fetch-Site': 'same-site',
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': 'iframe',
        },
      }),
      answer: [403, 'page'],
    },
    {
      name: 'a POST that does not say from where',
      ask: () => ({ method: 'POST', body: 'a=1', headers: cookie() }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a POST from nowhere',
      ask: () => ({ method: 'POST', body: 'a=1', headers: { ...cookie(), Origin: 'null' } }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a socket without an origin',
      ask: () => ({ headers: { ...cookie(), ...upgrading } }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a socket of another session’s page',
      ask: () => ({ headers: { ...cookie(), ...upgrading, Origin: ownOrigin(other) } }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a socket that only says that it is same-origin',
      ask: () => ({ headers: { ...cookie(), ...upgrading, 'Sec-Fetch-Site': 'same-origin' } }),
      answer: [403, 'foreign_origin'],
    },
    {
      name: 'a socket without a pass',
      ask: () => ({ headers: { ...upgrading, Origin: own } }),
      answer: [401, 'no_pass'],
    },
    {
      name: 'a path that climbs',
      ask: () => ({ path: '/../../etc/passwd', headers: cookie() }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a path that climbs in disguise',
      ask: () => ({ path: '/a/%2e%2E/.carrel/x', headers: cookie() }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a path with the other slash',
      ask: () => ({ path: '/a\\..\\b', headers: cookie() }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'Carrel’s path in disguise',
      ask: () => ({ path: '/%2ecarrel/viewer/../../x', headers: cookie() }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a path of Carrel’s that is none',
      ask: () => ({ path: '/%2Ecarrel/secret', headers: cookie() }),
      answer: [404, 'not_found'],
    },
    {
      name: 'length and chunks at once',
      ask: () => ({
        method: 'POST',
        headers: { ...cookie(), Origin: own, 'Content-Length': '4', 'Transfer-Encoding': 'chunked' },
        body: '0\r\n\r\n',
      }),
      answer: [400, 'malformed_request'],
    },
    {
      name: 'two lengths',
      ask: () => `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a length with a sign',
      ask: () => `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nContent-Length: +4\r\n\r\nabcd`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a coding that only looks like chunked',
      ask: () => ({ method: 'POST', headers: { ...cookie(), Origin: own, 'Transfer-Encoding': 'xchunked' } }),
      answer: [0, null],
    },
    {
      name: 'a coding before chunked',
      ask: () => ({
        method: 'POST',
        headers: { ...cookie(), Origin: own, 'Transfer-Encoding': 'gzip, chunked' },
        body: '',
      }),
      answer: [501, 'not_implemented'],
    },
    {
      name: 'a chunk that is none',
      ask: () =>
        `POST / HTTP/1.1\r\nHost: ${hostOf().name}\r\nOrigin: ${own}\r\nCookie: ${cookieOf(pass())}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      answer: [0, null],
    },
    {
      name: 'a header that goes on in the next line',
      ask: () => `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nX-A: 1\r\n folded\r\n\r\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a blank before the colon',
      ask: () => `GET / HTTP/1.1\r\nHost : ${hostOf().name}\r\n\r\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a line that ends without CR',
      ask: () => `GET / HTTP/1.1\nHost: ${hostOf().name}\n\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a NUL in a header',
      ask: () => `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nX-A: a\0b\r\n\r\n`,
      answer: [400, 'malformed_request'],
    },
    {
      name: 'a header of 70 KiB',
      ask: () => ({ headers: { 'X-Long': 'a'.repeat(70_000) } }),
      answer: [431, 'headers_too_large'],
    },
    {
      name: 'more than any browser’s cookies',
      ask: () => ({ headers: { Cookie: `${cookieOf(pass())}; a=${'b'.repeat(900_000)}` } }),
      answer: [431, 'headers_too_large'],
    },
    {
      name: 'more cookies than any browser holds',
      ask: () => ({ headers: { Cookie: `${cookieOf(pass())}${'; a=b'.repeat(2_000)}` } }),
      answer: [431, 'headers_too_large'],
    },
    {
      name: 'more headers of cookies than any browser sends',
      ask: () =>
        `GET / HTTP/1.1\r\nHost: ${hostOf().name}\r\nConnection: close\r\nCookie: ${cookieOf(pass())}\r\n${'Cookie: \r\n'.repeat(3_000)}\r\n`,
      answer: [431, 'headers_too_large'],
    },
    {
      name: '300 headers',
      ask: () => ({
        headers: { ...cookie(), ...Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`X-${at}`, '1'])) },
      }),
      answer: [431, 'headers_too_large'],
    },
    { name: 'TRACE', ask: () => ({ method: 'TRACE', headers: cookie() }), answer: [405, 'method_not_allowed'] },
    { name: 'CONNECT', ask: () => `CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: ${hostOf().name}\r\n\r\n`, answer: [0, null] },
    { name: 'no HTTP', ask: () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n', answer: [400, 'malformed_request'] },
    {
      name: 'a service worker for the whole host',
      ask: () => ({
        path: '/sw.js',
        headers: { ...cookie(), 'Sec-Fetch-Site': 'same-origin', 'Service-Worker': 'script' },
      }),
      answer: [404, 'not_found'],
    },
  ]
}
