export interface Entry {
  readonly name: string
  readonly isDirectory: boolean
}

/** The page that lists a directory: folders first, by name. `path` is the directory's, decoded. */
export function listingPage(path: string, entries: readonly Entry[]): string {
  const here = path.split('/').filter((part) => part !== '')
  const up = here.length === 0 ? [] : [row(here.slice(0, -1), '..', true)]
  const rows = entries
    .toSorted((a, b) => Number(b.isDirectory) - Number(a.isDirectory) || a.name.localeCompare(b.name))
    .map((entry) => row([...here, entry.name], entry.name, entry.isDirectory))
  const title = escape(`/${here.join('/')}`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body{font:16px/1.6 system-ui;margin:2rem auto;max-width:50rem}li{list-style:none}</style>
<h1>${title}</h1><ul>${[...up, ...rows].join('')}</ul>${rows.length === 0 ? '<p>There is nothing here yet.</p>' : ''}</html>`
}

function row(parts: readonly string[], name: string, isDirectory: boolean): string {
  const href = `/${parts.map(encodeURIComponent).join('/')}`
  return `<li><a href="${escape(href)}">${escape(name)}${isDirectory ? '/' : ''}</a></li>`
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => entities[c] ?? c)
