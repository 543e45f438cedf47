/*
 * Kata's oci.proto against the runtime specification: number there, name here. Fields from 100 on are ours, for what the
 * specification can say and Kata's messages cannot.
 */
#include "spec.h"

#define MESSAGE(name, ...) \
  static const struct spec_field name##_fields[] = {__VA_ARGS__, {0}}; \
  static const struct spec_message name = {name##_fields}
#define PUBLIC_MESSAGE(name, ...) \
  static const struct spec_field name##_fields[] = {__VA_ARGS__, {0}}; \
  const struct spec_message name = {name##_fields}
#define STRING(number, name, flags) {number, SPEC_STRING, flags, name, NULL}
#define STRINGS(number, name) {number, SPEC_STRING, SPEC_REPEATED, name, NULL}
#define BOOL(number, name, flags) {number, SPEC_BOOL, flags, name, NULL}
#define INT(number, name, flags) {number, SPEC_INT, flags, name, NULL}
#define UINT(number, name, flags) {number, SPEC_UINT, flags, name, NULL}
#define ONE(number, name, message) {number, SPEC_MESSAGE, 0, name, &message}
#define MANY(number, name, message) {number, SPEC_MESSAGE, SPEC_REPEATED, name, &message}
#define MAP(number, name) {number, SPEC_MAP, 0, name, NULL}

MESSAGE(box, UINT(1, "height", SPEC_ALWAYS), UINT(2, "width", SPEC_ALWAYS));
MESSAGE(user, UINT(1, "uid", SPEC_ALWAYS), UINT(2, "gid", SPEC_ALWAYS), UINT(3, "additionalGids", SPEC_REPEATED), STRING(4, "username", 0));
MESSAGE(capabilities, STRINGS(1, "bounding"), STRINGS(2, "effective"), STRINGS(3, "inheritable"), STRINGS(4, "permitted"), STRINGS(5, "ambient"));
MESSAGE(rlimit, STRING(1, "type", SPEC_ALWAYS), UINT(2, "hard", SPEC_ALWAYS), UINT(3, "soft", SPEC_ALWAYS));
PUBLIC_MESSAGE(spec_process, BOOL(1, "terminal", SPEC_ALWAYS), ONE(2, "consoleSize", box), {3, SPEC_MESSAGE, SPEC_ALWAYS, "user", &user},
               STRINGS(4, "args"), STRINGS(5, "env"), STRING(6, "cwd", SPEC_ALWAYS), ONE(7, "capabilities", capabilities), MANY(8, "rlimits", rlimit),
               BOOL(9, "noNewPrivileges", SPEC_ALWAYS), STRING(10, "apparmorProfile", 0), INT(11, "oomScoreAdj", 0), STRING(12, "selinuxLabel", 0));

MESSAGE(mount, STRING(1, "destination", SPEC_ALWAYS), STRING(2, "source", 0), STRING(3, "type", 0), STRINGS(4, "options"));
MESSAGE(root, STRING(1, "path", SPEC_ALWAYS), BOOL(2, "readonly", SPEC_ALWAYS));

MESSAGE(id_mapping, UINT(1, "hostID", SPEC_ALWAYS), UINT(2, "containerID", SPEC_ALWAYS), UINT(3, "size", SPEC_ALWAYS));
MESSAGE(name_space, STRING(1, "type", SPEC_ALWAYS), STRING(2, "path", 0));
/* A mode of zero would be a device that nobody may open: it stands for "as usual". */
MESSAGE(device, STRING(1, "path", SPEC_ALWAYS), STRING(2, "type", SPEC_ALWAYS), INT(3, "major", SPEC_ALWAYS), INT(4, "minor", SPEC_ALWAYS),
        UINT(5, "fileMode", 0), UINT(6, "uid", SPEC_ALWAYS), UINT(7, "gid", SPEC_ALWAYS));
MESSAGE(device_rule, BOOL(1, "allow", SPEC_ALWAYS), STRING(2, "type", 0), INT(3, "major", SPEC_WILDCARD), INT(4, "minor", SPEC_WILDCARD), STRING(5, "access", 0));
MESSAGE(memory, INT(1, "limit", 0), INT(2, "reservation", 0), INT(3, "swap", 0), INT(4, "kernel", 0), INT(5, "kernelTCP", 0), UINT(6, "swappiness", 0),
        BOOL(7, "disableOOMKiller", 0));
MESSAGE(cpu, UINT(1, "shares", 0), INT(2, "quota", 0), UINT(3, "period", 0), INT(4, "realtimeRuntime", 0), UINT(5, "realtimePeriod", 0), STRING(6, "cpus", 0),
        STRING(7, "mems", 0));
MESSAGE(pids, INT(1, "limit", SPEC_ALWAYS));
MESSAGE(weight_device, INT(1, "major", SPEC_ALWAYS), INT(2, "minor", SPEC_ALWAYS), UINT(3, "weight", 0), UINT(4, "leafWeight", 0));
MESSAGE(throttle_device, INT(1, "major", SPEC_ALWAYS), INT(2, "minor", SPEC_ALWAYS), UINT(3, "rate", SPEC_ALWAYS));
MESSAGE(block_io, UINT(1, "weight", 0), UINT(2, "leafWeight", 0), MANY(3, "weightDevice", weight_device), MANY(4, "throttleReadBpsDevice", throttle_device),
        MANY(5, "throttleWriteBpsDevice", throttle_device), MANY(6, "throttleReadIOPSDevice", throttle_device), MANY(7, "throttleWriteIOPSDevice", throttle_device));
MESSAGE(hugepage_limit, STRING(1, "pageSize", SPEC_ALWAYS), UINT(2, "limit", SPEC_ALWAYS));
MESSAGE(priority, STRING(1, "name", SPEC_ALWAYS), UINT(2, "priority", SPEC_ALWAYS));
MESSAGE(network, UINT(1, "classID", 0), MANY(2, "priorities", priority));
PUBLIC_MESSAGE(spec_resources, MANY(1, "devices", device_rule), ONE(2, "memory", memory), ONE(3, "cpu", cpu), ONE(4, "pids", pids), ONE(5, "blockIO", block_io),
               MANY(6, "hugepageLimits", hugepage_limit), ONE(7, "network", network), MAP(100, "unified"));

MESSAGE(seccomp_arg, UINT(1, "index", SPEC_ALWAYS), UINT(2, "value", SPEC_ALWAYS), UINT(3, "valueTwo", 0), STRING(4, "op", SPEC_ALWAYS));
MESSAGE(syscall_rule, STRINGS(1, "names"), STRING(2, "action", SPEC_ALWAYS), UINT(3, "errnoRet", SPEC_PRESENT), MANY(4, "args", seccomp_arg));
MESSAGE(seccomp, STRING(1, "defaultAction", SPEC_ALWAYS), UINT(100, "defaultErrnoRet", SPEC_PRESENT), STRINGS(2, "architectures"), STRINGS(3, "flags"),
        MANY(4, "syscalls", syscall_rule));
MESSAGE(intel_rdt, STRING(1, "l3CacheSchema", 0));
MESSAGE(linux_part, MANY(1, "uidMappings", id_mapping), MANY(2, "gidMappings", id_mapping), MAP(3, "sysctl"), ONE(4, "resources", spec_resources),
        STRING(5, "cgroupsPath", 0), MANY(6, "namespaces", name_space), MANY(7, "devices", device), ONE(8, "seccomp", seccomp),
        STRING(9, "rootfsPropagation", 0), STRINGS(10, "maskedPaths"), STRINGS(11, "readonlyPaths"), STRING(12, "mountLabel", 0), ONE(13, "intelRdt", intel_rdt));

PUBLIC_MESSAGE(spec_root, STRING(1, "ociVersion", SPEC_ALWAYS), ONE(2, "process", spec_process), ONE(3, "root", root), STRING(4, "hostname", 0),
               STRING(100, "domainname", 0), MANY(5, "mounts", mount), MAP(7, "annotations"), ONE(8, "linux", linux_part));
