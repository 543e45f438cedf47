/** What a shell offers where other values are possible, too. */
export const signalNames = ['TERM', 'KILL', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'STOP', 'CONT', 'WINCH'] as const;
export const restartPolicies = ['no', 'on-failure', 'on-failure:', 'always', 'unless-stopped'] as const;
