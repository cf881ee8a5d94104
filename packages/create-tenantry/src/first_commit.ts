import { spawnSync } from 'node:child_process'

/** What came of the first commit, for display: `undefined` if it was made, otherwise what is left to do. */
export type CommitRemark = string | undefined

/**
 * Makes the folder a git repository with one commit. Does nothing inside another repository, which its owner
 * commits to. Whatever git lacks, the app is complete without it.
 */
export function makeFirstCommit(folder: string, environment = process.env): CommitRemark {
  const git = (...args: string[]) =>
    spawnSync('git', args, { cwd: folder, env: environment, stdio: 'ignore' }).status
  if (git('--version') !== 0) return 'git is not installed: the app is in no repository yet'
  if (git('rev-parse', '--is-inside-work-tree') === 0)
    return 'commit it to the repository around it'
  // Before 2.28 git has no --initial-branch.
  if (git('init', '--initial-branch=main') !== 0 && git('init') !== 0) {
    return 'git init failed: the app is in no repository yet'
  }
  if (git('add', '--all') === 0 && git('commit', '--message', 'Create the app') === 0) {
    return undefined
  }
  return 'git has no name for you: set user.name and user.email, then run git commit'
}
