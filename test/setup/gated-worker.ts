import { runWorkerProcess } from '../../worker/process.ts'
import { gatedActivities, gatedProvider } from '../proof/faults/gated.ts'
import { gatedAccess } from '../proof/faults/gated-access.ts'
import { openRemote } from '../proof/faults/remote.ts'

/** A worker whose every activity goes through a gate in the process of the test, which may kill it there. */
const { gate, openProvider, openAccess } = openRemote(process.env['TEST_REMOTE'] ?? '{}')

runWorkerProcess(
  gatedActivities(gate),
  (row, sealed) => gatedProvider(openProvider(row, sealed), gate),
  () => gatedAccess(openAccess(), gate),
).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
