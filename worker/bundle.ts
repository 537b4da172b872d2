import { rename, writeFile } from 'node:fs/promises'
import { bundleWorkflows } from './workflow-bundle.ts'

/** `node worker/bundle.ts <file>`: bundles the workflows beforehand, for CARREL_WORKFLOW_BUNDLE of workers of this very build. */
const file = process.argv[2]
if (file === undefined) throw new Error('node worker/bundle.ts <file>')
const { code } = await bundleWorkflows()
await writeFile(`${file}.new`, code)
await rename(`${file}.new`, file)
