{
  "variables": {
    # 1: a compiler warning fails the build (what this repository's own scripts ask for).
    "werror%": 0
  },
  "targets": [
    {
      "target_name": "mediasoup_mos",
      "sources": [
        "<!@(node -p \"require('node:fs').readdirSync('native', { recursive: true }).filter((f) => f.endsWith('.cpp')).sort().map((f) => 'native/' + f).join(' ')\")"
      ],
      "include_dirs": ["native"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-pthread", "-O3", "-Wall", "-Wextra", "-Wpedantic", "-fvisibility=hidden", "<!@(pkg-config --cflags opus)"],
      "cflags_cc!": ["-std=gnu++17"],
      "cflags_cc": [
        "-std=c++17",
        "-isystem<!(node -p \"require('node:path').resolve(require('node-addon-api').include_dir)\")",
        "-isystem<(node_root_dir)/include/node"
      ],
      "libraries": ["<!@(pkg-config --libs opus)", "-pthread"],
      "conditions": [["werror==1", { "cflags": ["-Werror"] }]]
    }
  ]
}
