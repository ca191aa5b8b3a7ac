/*
 * Starts nginx with settings from the environment: `launch nginx -g "daemon off;"`.
 *
 * nginx does not read the environment, and the image has no shell to write a configuration file. This program
 * validates the settings and passes them in a memory-only file, which nginx.conf includes as /proc/self/fd/3.
 * It then forwards signals: nginx drops its requests on SIGTERM, which stops a container, so the program sends
 * SIGQUIT instead, on which nginx completes them.
 *
 * nginx resolves the backend's name repeatedly, because the address of a replaced backend changes. It only queries
 * name servers, so this program handles the other sources of names: /etc/hosts, and the search domain that
 * completes a name without a dot, as in Kubernetes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONFIGURATION = 3, LONGEST = 512 };

static const char LETTERS_AND_DIGITS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static volatile pid_t nginx;

struct address {
    char scheme[8], authority[256], path[LONGEST];
    char host[256], port[256]; /* The parts of the authority. The port includes its colon, or is empty. */
};

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(78); /* EX_CONFIG */
}

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Returns whether a text contains only letters, digits and the given characters, which are safe in nginx.conf. */
static int consists_of(const char *text, const char *others) {
    for (; *text; text++)
        if (!strchr(LETTERS_AND_DIGITS, *text) && !strchr(others, *text)) return 0;
    return 1;
}

static int is_port(const char *text) {
    return *text && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) && atoi(text) > 0 &&
           atoi(text) <= 65535;
}

/* Parses http(s)://host[:port][/path]. Errors omit the address, which may contain a password. */
static struct address read_address(const char *text) {
    static const char wrong[] = "API_URL is not an http or https address, such as http://backend:8000";
    struct address address = {0};
    if (strlen(text) >= LONGEST || strpbrk(text, " \t\r\n") ||
        sscanf(text, "%7[a-z]://%255[^/]%511s", address.scheme, address.authority, address.path) < 2 ||
        (strcmp(address.scheme, "http") && strcmp(address.scheme, "https")))
        fail(wrong);
    for (size_t end = strlen(address.path); end && address.path[end - 1] == '/';) address.path[--end] = 0;

    const char *bracket = strchr(address.authority, ']');
    const char *colon = strchr(bracket ? bracket : address.authority, ':');
    if (colon) strcpy(address.port, colon);
    memcpy(address.host, address.authority, strlen(address.authority) - strlen(address.port));
    if (!*address.host || !bracket != (*address.host != '[') ||
        !consists_of(address.host, bracket ? "[]:" : ".-_") || (colon && !is_port(colon + 1)) ||
        (*address.path && *address.path != '/') || !consists_of(address.path, "/.-_~"))
        fail(wrong);
    return address;
}

static int is_number(const char *host) {
    struct in_addr number;
    return *host == '[' || inet_pton(AF_INET, host, &number) == 1;
}

/* Writes the name servers, and replaces the host with the name or address that nginx must resolve. */
static void resolve(FILE *configuration, char *host, size_t size) {
    char line[1024], servers[LONGEST] = "", search[256] = "", *rest;
    int dots = 1, found = is_number(host);

    FILE *file = found ? NULL : fopen("/etc/hosts", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#")] = 0;
        char *address = strtok_r(line, " \t\n", &rest);
        for (char *name; !found && (name = strtok_r(NULL, " \t\n", &rest));)
            if (!strcasecmp(name, host)) {
                const char *form = strchr(address, ':') ? "[%s]" : "%s";
                snprintf(host, size, form, address);
                found = 1;
            }
    }
    if (file) fclose(file);

    file = found ? NULL : fopen("/etc/resolv.conf", "re");
    while (file && fgets(line, sizeof line, file)) {
        char value[256];
        const char *option;
        size_t used = strlen(servers);
        if (sscanf(line, "nameserver %255s", value) == 1 && consists_of(value, ".:"))
            snprintf(servers + used, sizeof servers - used, strchr(value, ':') ? " [%s]" : " %s", value);
        else if (sscanf(line, "search %255s", value) == 1 && consists_of(value, ".-_"))
            strcpy(search, value);
        else if (!strncmp(line, "options", 7) && (option = strstr(line, "ndots:")))
            dots = atoi(option + 6);
    }
    if (file) fclose(file);

    size_t length = strlen(host);
    if (!found && dots > 0 && *search && strcmp(search, ".") && !strchr(host, '.'))
        snprintf(host + length, size - length, ".%s", search);
    /* Cache for two seconds: Docker's name server claims ten minutes, but addresses change earlier. */
    if (*servers) fprintf(configuration, "resolver%s valid=2s;\nresolver_timeout 4s;\n", servers);
}

/* Returns VERSION, or the version of the built package. */
static const char *version(void) {
    static char built[64] = "v0.0.0";
    FILE *file = fopen("/etc/nginx/version", "re");
    if (file && fgets(built, sizeof built, file)) built[strcspn(built, "\n")] = 0;
    if (file) fclose(file);
    const char *version = environment("VERSION", built);
    if (!consists_of(version, ".+-_")) fail("VERSION is not a version, such as v1.0.0");
    return version;
}

static void configure(void) {
    const char *port = environment("PORT", "8080");
    if (!is_port(port)) fail("PORT is not a port, such as 8080");
    struct address backend =
        read_address(environment("API_URL", environment("NEXT_PUBLIC_API_URL", "http://127.0.0.1:8000")));

    int memory = memfd_create("environment.conf", 0);
    if (memory < 0 || dup2(memory, CONFIGURATION) < 0) fail("There is no memory for nginx's configuration");
    if (memory != CONFIGURATION) close(memory);
    FILE *configuration = fdopen(dup(CONFIGURATION), "w");
    if (!configuration) fail("There is no memory for nginx's configuration");
    char resolved[LONGEST];
    strcpy(resolved, backend.host);
    resolve(configuration, resolved, sizeof resolved);
    fprintf(configuration,
            "listen %s;\nset $backend %s://%s%s;\nset $backend_host %s;\nset $backend_name %s;\n"
            "set $backend_path \"%s\";\nset $version %s;\n",
            port, backend.scheme, resolved, backend.port, backend.authority, backend.host, backend.path, version());
    if (fclose(configuration)) fail("There is no memory for nginx's configuration");
}

static void pass_on(int signal) { kill(nginx, signal == SIGHUP || signal == SIGUSR1 ? signal : SIGQUIT); }

int main(int count, char **words) {
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};
    sigset_t blocked, before;
    int status;

    if (count < 2) fail("usage: launch PROGRAM [ARGUMENT]…");
    configure();

    sigemptyset(&blocked);
    for (size_t at = 0; at < sizeof signals / sizeof *signals; at++) sigaddset(&blocked, signals[at]);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    nginx = fork();
    if (nginx < 0) fail("No process can be started");
    if (nginx == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        execvp(words[1], words + 1);
        perror(words[1]);
        _exit(127);
    }
    for (size_t at = 0; at < sizeof signals / sizeof *signals; at++)
        sigaction(signals[at], &(struct sigaction){.sa_handler = pass_on, .sa_flags = SA_RESTART}, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    waitpid(nginx, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
