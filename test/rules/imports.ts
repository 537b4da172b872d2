import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'
import type { ImportRule } from './import-table.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Import {
  readonly file: string
  readonly target: string
  readonly typeOnly: boolean
}

/** Every TypeScript file below a folder of the repository, as a path from its root; none where there is no folder yet. */
export function sourceFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.includes('node_modules/'))
}

/** What a file imports, static, re-exported and dynamic; a relative target becomes a path from the root. */
export function importsOf(file: string, text = readFileSync(join(root, file), 'utf8')): Import[] {
  const { module, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`)
  const found = (target: string, typeOnly: boolean) => ({ file, target: located(file, target), typeOnly })
  const isType = (entries: readonly { isType: boolean }[]) => entries.length > 0 && entries.every((e) => e.isType)
  return [
    ...module.staticImports.map((one) => found(one.moduleRequest.value, isType(one.entries))),
    ...module.staticExports.flatMap(({ entries }) => {
      const target = entries[0]?.moduleRequest?.value
      return target === undefined ? [] : [found(target, isType(entries))]
    }),
    ...module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => {
      const literal = /^['"](.*)['"]$/.exec(text.slice(start, end))?.[1]
      return literal === undefined ? [] : [found(literal, false)]
    }),
  ]
}

const located = (file: string, target: string) =>
  target.startsWith('.')
    ? normalize(join(dirname(file), target))
        .split(sep)
        .join('/')
    : target

/** Whether the rule of the importing folder lets an import pass. */
export function isAllowed(folder: string, rule: ImportRule, { file, target, typeOnly }: Import): boolean {
  const isPath = target.split('/')[0] !== undefined && existsAsFolder(target)
  if (!isPath) return rule.packages.some((pattern) => matches(pattern, target))
  const inside = (name: string) => target.startsWith(`${name}/`)
  if (inside(folder)) return true
  if (inside('domain')) return folder !== 'domain'
  if (rule.folders.some(inside)) return true
  if (typeOnly && rule.types?.some(inside) === true) return true
  const byFile = rule.files?.some((one) => inside(one.folder) && target.endsWith(one.ending)) === true
  return byFile && (folder !== 'db' || file === 'db/migrate.ts')
}

const existsAsFolder = (target: string) => /^[a-z]+\/.*\.(ts|json)$/.test(target)

function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  if (pattern.endsWith('*')) return name.startsWith(pattern.slice(0, -1))
  return name === pattern || name.startsWith(`${pattern}/`)
}
