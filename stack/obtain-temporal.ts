import { readConfig } from '../platform/config.ts'
import { obtainTemporal } from './temporal-cli.ts'

const { tools } = readConfig(['tools'])
const file = await obtainTemporal(
  { named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome },
  (word) => console.error(`Temporal CLI: ${word}`),
)
console.log(file)
