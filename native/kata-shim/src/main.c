/* slipway-kata-shim: the command line of an OCI runtime. */
#include "main.h"

#include "common/version.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
  const char *name, *arguments, *meaning;
  int (*run)(const struct options *options, struct folder *folder);
  bool makes; /* the container need not exist */
} verbs[] = {
    {"create", "[--bundle DIR] [--pid-file FILE] [--console-socket SOCKET] ID", "make a virtual machine and a container in it, by the file vm.plan in the working directory", verb_create, true},
    {"start", "ID", "run the user's program", verb_start, false},
    {"state", "ID", "print what the container is doing, as JSON", verb_state, false},
    {"kill", "[--all] ID [SIGNAL]", "send a signal to the first process, or to all", verb_kill, false},
    {"exec", "--process FILE [--detach] [--pid-file FILE] [--console-socket SOCKET] ID", "run another process, by the request in FILE.pb", verb_exec, false},
    {"pause", "ID", "freeze the container", verb_pause, false},
    {"resume", "ID", "let it go on", verb_resume, false},
    {"update", "--resources FILE ID", "set limits, by the request in FILE.pb", verb_update, false},
    {"delete", "[--force] ID", "end the virtual machine and remove what is kept of it", verb_delete, true},
    {"probe", "PLAN", "run a plan and end its virtual machine", verb_probe, true},
};

#define VERBS_COUNT (sizeof verbs / sizeof verbs[0])

static int print_help(void) {
  puts("slipway-kata-shim: containers in virtual machines, by the command line of an OCI runtime\n");
  puts("usage: slipway-kata-shim [--root DIR] [--log FILE] [--log-format text|json] COMMAND [OPTIONS] [ID]\n");
  puts("commands:");
  for (size_t i = 0; i < VERBS_COUNT; i++) printf("   %-8s  %s\n             %s %s\n", verbs[i].name, verbs[i].meaning, verbs[i].name, verbs[i].arguments);
  puts("\n--version, --help");
  return 0;
}

enum { OPTION_ROOT = 1, OPTION_LOG, OPTION_LOG_FORMAT, OPTION_BUNDLE, OPTION_PID_FILE, OPTION_CONSOLE, OPTION_PROCESS, OPTION_RESOURCES, OPTION_ALL, OPTION_FORCE, OPTION_DETACH, OPTION_VERSION, OPTION_HELP };

static const struct option names[] = {
    {"root", required_argument, NULL, OPTION_ROOT},
    {"log", required_argument, NULL, OPTION_LOG},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"bundle", required_argument, NULL, OPTION_BUNDLE},
    {"pid-file", required_argument, NULL, OPTION_PID_FILE},
    {"console-socket", required_argument, NULL, OPTION_CONSOLE},
    {"process", required_argument, NULL, OPTION_PROCESS},
    {"resources", required_argument, NULL, OPTION_RESOURCES},
    {"all", no_argument, NULL, OPTION_ALL},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"detach", no_argument, NULL, OPTION_DETACH},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static void take_option(struct options *options, int option) {
  switch (option) {
    case OPTION_ROOT:
      options->root = optarg;
      break;
    case OPTION_LOG:
      options->log = optarg;
      break;
    case OPTION_LOG_FORMAT:
      options->log_json = strcmp(optarg, "json") == 0;
      break;
    case 'b':
    case OPTION_BUNDLE:
      options->bundle = optarg;
      break;
    case OPTION_PID_FILE:
      options->pid_file = optarg;
      break;
    case OPTION_CONSOLE:
      options->console_socket = optarg;
      break;
    case 'p':
    case OPTION_PROCESS:
      options->process = optarg;
      break;
    case 'r':
    case OPTION_RESOURCES:
      options->resources = optarg;
      break;
    case 'a':
    case OPTION_ALL:
      options->all = true;
      break;
    case 'f':
    case OPTION_FORCE:
      options->force = true;
      break;
    case 'd':
    case OPTION_DETACH:
      options->detach = true;
      break;
  }
}

/* A descriptor that is missing would be taken by the next file that is opened. */
static bool has_streams(void) {
  for (int stream = 0; stream < STREAMS; stream++) {
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream) return false;
  }
  return true;
}

static int run_verb(const struct verb *verb, struct options *options) {
  struct folder folder = {.root = options->root, .fd = -1};
  if (options->rest_count < 1) return report("%s: expected %s", verb->name, verb->arguments);
  if (verb->run == verb_probe) return verb_probe(options, &folder);
  folder.id = options->rest[0];
  if (!folder_id_valid(folder.id)) return report("\"%s\" is no id of a container", folder.id);
  if (!folder_open(&folder) && !verb->makes) return report("container \"%s\" does not exist", folder.id);
  return verb->run(options, &folder);
}

int main(int argc, char *argv[]) {
  struct options options = {.root = "/run/slipway-kata-shim"};
  if (!has_streams()) return 1;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, "b:p:r:afd", names, NULL)) != -1;) {
    if (option == OPTION_VERSION) return puts("slipway-kata-shim version " SLIPWAY_VERSION "\nspec: 1.0.2") < 0;
    if (option == OPTION_HELP) return print_help();
    if (option == '?' || option == ':') return report("unknown option \"%s\", or one without its value", argv[optind - 1]);
    take_option(&options, option);
  }
  report_to(options.log, options.log_json);
  if (optind == argc) return report("no command; --help lists them");
  options.verb = argv[optind];
  options.rest = argv + optind + 1;
  options.rest_count = argc - optind - 1;
  for (size_t i = 0; i < VERBS_COUNT; i++) {
    if (strcmp(options.verb, verbs[i].name) == 0) return run_verb(&verbs[i], &options);
  }
  return report("unknown command \"%s\"; --help lists them", options.verb);
}
