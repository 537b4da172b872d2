import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folders } from '../rules/import-table.ts'
import { root, sourceFiles } from '../rules/imports.ts'

const files = folders.flatMap((folder) => sourceFiles(folder))
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

test('no file is above 300 lines, or its first line says why', () => {
  const long = files.filter((file) => {
    const lines = textOf(file).split('\n')
    return lines.length > 301 && !/^(\/\/|\/\*\*?) .*max-lines.* -- .{10,}/.test(lines[0] ?? '')
  })
  expect(long).toEqual([])
})

test('no file or folder has a name that does not say what is inside', () => {
  const vague = /^(utils?|helpers?|commons?|managers?|services?|base|misc|shared|lib)$/
  const named = files.filter((file) =>
    file.split('/').some((part) => part.split(/[.-]/).some((word) => vague.test(word))),
  )
  expect(named).toEqual([])
})

test('every file runs as it is: what a bundler takes, Node may not', () => {
  const broken = files.flatMap((file) => {
    try {
      stripTypeScriptTypes(textOf(file))
      return []
    } catch (error) {
      return [`${file}: ${String(error)}`]
    }
  })
  expect(broken).toEqual([])
}, 60_000)

test('the environment is read in platform/config.ts and nowhere else', () => {
  const readers = files.filter((file) => !file.startsWith('test/') && textOf(file).includes('process.env'))
  expect(readers).toEqual(['platform/config.ts'])
})

test('no test is switched off, and nothing is left to do', () => {
  const marks = /\b(test|it|describe)\.(skip|only|todo|fails)\b|\b(TODO|FIXME|XXX)\b/
  expect(files.filter((file) => file !== 'test/unit/house.test.ts' && marks.test(textOf(file)))).toEqual([])
})

test('git keeps nothing that a tool made', () => {
  const kept = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8', timeout: 10_000 }).trim().split('\n')
  expect(
    kept.filter((file) => /(^|\/)(node_modules|\.carrel|coverage|dist)\/|\.(log|tsbuildinfo)$/.test(file)),
  ).toEqual([])
})
