import { folders, importTable, type Folder, type ImportRule } from './import-table.ts'

/** Packages as the linter's regular expressions can say them (they know no "all but"); the test is exact. */
const packagePatterns: Partial<Record<Folder, string>> = {
  domain: '^[^.]',
  workflows: '^([^.@]|@[^t]|@t[^e]|@temporalio/([^wc]|worker|client|core))',
}

/** The table as overrides of `no-restricted-imports`: the first ones of `.oxlintrc.json` must be exactly these. */
export function lintOverrides(): unknown[] {
  return Object.entries(importTable).map(([folder, rule]) => ({
    files: [`${folder}/**`],
    rules: { 'no-restricted-imports': ['error', { patterns: patternsOf(folder, rule) }] },
  }))
}

function patternsOf(folder: string, rule: ImportRule): unknown[] {
  const closed = folders.filter((other) => other !== folder && other !== 'domain' && !rule.folders.includes(other))
  const groups = (names: readonly string[]) => names.flatMap((name) => groupOf(name, rule))
  const typesOnly = closed.filter((name) => rule.types?.includes(name))
  const never = closed.filter((name) => !typesOnly.includes(name))
  const regex = packagePatterns[folder as Folder]
  return [
    { group: groups(never), message: `${folder}: see the import table` },
    ...(typesOnly.length === 0
      ? []
      : [{ group: groups(typesOnly), allowTypeImports: true, message: `${folder}: types only, see the import table` }]),
    ...(regex === undefined ? [] : [{ regex, message: `${folder}: not this package, see the import table` }]),
  ]
}

/** A closed folder, without the part of it that is open. */
function groupOf(name: string, rule: ImportRule): string[] {
  const openFiles = (rule.files ?? []).filter(({ folder }) => folder === name).map(({ ending }) => ending)
  const openFolders = rule.folders.filter((open) => open.startsWith(`${name}/`))
  return [
    `**/${name}/**`,
    ...openFiles.map((ending) => `!**/${name}/**${ending.startsWith('/') ? ending : `/*${ending}`}`),
    ...openFolders.map((open) => `!**/${open}/**`),
  ]
}
