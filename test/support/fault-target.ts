import { request as plainRequest } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions, ServerResponse } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { connect as dialPlain } from 'node:net'
import type { Socket } from 'node:net'
import { connect as dialTls } from 'node:tls'

/** What a fault proxy stands in front of. */
export interface FaultTarget {
  /** The same request, on a connection of its own, without its body. */
  begin(request: IncomingMessage): ClientRequest
  /** A bare connection, for what is no plain request and answer. */
  dial(): Socket
}

/** `target`: `http://host:port`, `https://host:port` or `unix:///path`; `ca` is trusted alone where it is given. */
export function openTarget(target: string, ca: string | undefined): FaultTarget {
  const url = new URL(target)
  const trust = ca === undefined ? {} : { ca }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  const isSecure = url.protocol === 'https:'
  const where: RequestOptions = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host, port, ...trust }
  return {
    begin(request) {
      // The name that was asked for stays, so that links in answers lead through the proxy again.
      const headers = heldBack(request.rawHeaders, ['connection', 'keep-alive', 'upgrade'])
      const options: RequestOptions = { ...where, headers, agent: false, setHost: false }
      if (request.method !== undefined) options.method = request.method
      if (request.url !== undefined) options.path = request.url
      return isSecure ? tlsRequest({ ...options, servername: nameOf(host) }) : plainRequest(options)
    },
    dial() {
      if (url.protocol === 'unix:') return dialPlain(url.pathname)
      return isSecure ? dialTls({ host, port, servername: nameOf(host), ...trust }) : dialPlain(port, host)
    },
  }
}

/** Gives the client the answer's head; its body is to follow. */
export function copyHead(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(
    answer.statusCode ?? 502,
    heldBack(answer.rawHeaders, ['connection', 'keep-alive', 'transfer-encoding']),
  )
}

/** An address is no server name. */
const nameOf = (host: string): string => (/^[\d.]+$|:/.test(host) ? '' : host)

function heldBack(raw: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]]
    if (!names.includes(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}
