import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { permissionsOf } from '../../domain/desktop-parameters.ts'
import { reservedPath } from '../../domain/doors.ts'
import type { DoorAccess } from '../doors.ts'

export const desktopPath = `${reservedPath}/desktop`
export const tunnelPath = `${desktopPath}/tunnel`
const aboutPath = `${desktopPath}/about`
const viewerPath = `${reservedPath}/viewer/`

/** What the viewer is told of its door. Nothing in it is secret. */
export interface AboutDesktop {
  readonly door: string
  readonly protocol: string
  readonly mode: string
  readonly can: {
    readonly copy: boolean
    readonly paste: boolean
    readonly upload: boolean
    readonly download: boolean
  }
  /** What is seen is kept for so long; `null`: it is not kept. */
  readonly recordedForDays: number | null
}

export const aboutDesktop = ({ door, spec, mode }: DoorAccess): AboutDesktop => ({
  door,
  protocol: spec.protocol,
  mode,
  can: permissionsOf(spec, mode),
  recordedForDays: spec.recording?.retentionDays ?? null,
})

const here = join(import.meta.dirname, 'viewer')
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' }
const ownFiles = [
  ...[
    'viewer.css',
    'boot.js',
    'viewer.js',
    'tunnel.js',
    'instructions.js',
    'input.js',
    'clipboard.js',
    'files.js',
    'words.js',
  ],
  ...['connection.js', 'screen.js', 'panels.js'],
]

export interface DesktopPages {
  /** Answers a request for the viewer, or for what it needs. */
  answer(request: IncomingMessage, response: ServerResponse, access: DoorAccess): Promise<void>
}

/** Serves the viewer: a page, its parts and what it is told. Nothing of a request decides which file is read. */
export function createPages(frameAncestors: readonly string[]): DesktopPages {
  const headers = {
    'content-security-policy': policyFor(frameAncestors),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'clipboard-read=(self), clipboard-write=(self), fullscreen=(self), camera=(), geolocation=()',
  }
  const files = viewerFiles()

  const send = (request: IncomingMessage, response: ServerResponse, body: Buffer, type: string, cache: string) => {
    response.writeHead(200, { ...headers, 'content-type': type, 'cache-control': cache, 'content-length': body.length })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  return {
    async answer(request, response, access) {
      const path = (request.url ?? '/').split('?', 1).join('')
      if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
      if (path === aboutPath) {
        const body = Buffer.from(JSON.stringify(aboutDesktop(access)))
        return send(request, response, body, 'application/json', 'no-store')
      }
      if (path === desktopPath || path === `${desktopPath}/`)
        return send(request, response, await files.page(), types.html, 'no-store')
      if (path.startsWith(viewerPath)) {
        const found = await files.named(path.slice(viewerPath.length))
        // The names stay when the content changes: browsers ask each time.
        return found === null ? refuse(response, 404) : send(request, response, found.body, found.type, 'no-cache')
      }
      if (path.startsWith(`${reservedPath}/`)) return refuse(response, 404)
      response.writeHead(303, { ...headers, location: desktopPath, 'cache-control': 'no-store' }).end()
    },
  }
}

function refuse(response: ServerResponse, status: 404 | 405): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
  response.end(status === 404 ? 'There is nothing here.\n' : 'This is only read.\n')
}

/** Pictures come as blobs, cursors as data; styles of the library are set by script, which is no inline style. */
function policyFor(frameAncestors: readonly string[]): string {
  const ancestors = frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')
  return [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", 'media-src blob:'],
    ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", `frame-ancestors ${ancestors}`],
  ].join('; ')
}

function viewerFiles() {
  const library = createRequire(import.meta.url).resolve('guacamole-common-js')
  const places = new Map([
    ...ownFiles.map((name) => [name, join(here, name)] as const),
    ['guacamole-common.js', join(dirname(dirname(library)), 'esm', 'guacamole-common.min.js')] as const,
  ])
  const kept = new Map<string, Promise<Buffer>>()
  const read = (place: string): Promise<Buffer> => {
    const reading = kept.get(place) ?? readFile(place)
    kept.set(place, reading)
    reading.catch(() => kept.delete(place))
    return reading
  }
  return {
    page: () => read(join(here, 'index.html')),
    async named(name: string): Promise<{ body: Buffer; type: string } | null> {
      const place = places.get(name)
      if (place === undefined) return null
      return { body: await read(place), type: name.endsWith('.css') ? types.css : types.js }
    },
  }
}
