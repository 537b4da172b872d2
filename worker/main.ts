import { ConfigInvalid } from '../platform/config.ts'
import { runWorkerProcess } from './process.ts'

runWorkerProcess().catch((error: unknown) => {
  if (error instanceof ConfigInvalid) console.error(error.message)
  else console.error('The worker could not start.', error)
  process.exit(1)
})
