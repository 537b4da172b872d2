import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { documents, textOf } from '../rules/documents.ts'
import { root } from '../rules/imports.ts'

/** As the places where repositories are read make an anchor of a heading. */
const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
const anchorsOf = (file: string) =>
  new Set([...textOf(file).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => anchorOf(title ?? '')))

test.each(documents)('every link of %s leads somewhere', (document) => {
  const prose = textOf(document)
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target ?? '')
  const lost = links
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : relative(root, join(root, dirname(document), path))
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor)
    })
  expect(lost).toEqual([])
})
