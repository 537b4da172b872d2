import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { App } from './route.ts'

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Carrel: the API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`

const start = `SwaggerUIBundle({
  url: '/openapi.json', dom_id: '#reference', deepLinking: true, tryItOutEnabled: false, validatorUrl: null,
})
`

/** Everything from here, and nothing inline. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const files: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
}

/** Serves the API's description and its reference page, from this machine alone. Returns the addresses. */
export function mountDocs(app: App, description: unknown): readonly string[] {
  const text = JSON.stringify(description)
  const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const headers = { 'content-security-policy': policy, 'cache-control': 'public, max-age=300' }
  app.get('/openapi.json', (c) => c.body(text, 200, { ...headers, 'content-type': 'application/json' }))
  app.get('/docs', (c) => c.body(page, 200, { ...headers, 'content-type': 'text/html; charset=utf-8' }))
  app.get('/docs/start.js', (c) => c.body(start, 200, { ...headers, 'content-type': 'text/javascript; charset=utf-8' }))
  for (const [name, type] of Object.entries(files)) {
    app.get(`/docs/${name}`, async (c) => {
      const content = await readFile(join(directory, name))
      return c.body(new Uint8Array(content), 200, { ...headers, 'content-type': type })
    })
  }
  return ['/openapi.json', '/docs', '/docs/start.js', ...Object.keys(files).map((name) => `/docs/${name}`)]
}
