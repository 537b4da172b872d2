import { readFileSync, writeFileSync } from 'node:fs'
import { completed, missingPackages, type LockFile } from './lock-platforms.ts'

const file = new URL('../package-lock.json', import.meta.url)
// npm wrote it; what is read of it is checked by use.
const lock = JSON.parse(readFileSync(file, 'utf8')) as LockFile
const missing = missingPackages(lock)
writeFileSync(file, `${JSON.stringify(completed(lock), null, 2)}\n`)
console.log(missing.length === 0 ? 'The lock file is complete.' : `Added ${missing.map(({ name }) => name).join(', ')}`)
