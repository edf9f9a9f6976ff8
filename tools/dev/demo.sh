# shellcheck shell=bash disable=SC2034,SC2154
# Host, echo, ack and a drop-in protocol before your eyes. Sourced by ./dev.
source tools/dev/package.sh

install_into() { # PRESET PREFIX: moved once, to be sure that nothing in it knows where it is
    cmake "-DBUILD=build/$1" "-DPREFIX=$2" "-DCOMPONENTS=sdk;programs" -P tests/package/install.cmake
}

verb_demo() {
    local folder=build/demo/linux exe='' count=1000 run=() name
    case ${1:-} in
    '')
        build linux "${programs[@]}" portico_testkit
        rm -rf "$folder"
        mkdir -p "$folder"
        quietly "installing programs and SDK into $folder" install_into linux "$PWD/$folder"
        run=(--programs "$folder/lib/portico" --sdk "$folder")
        ;;
    --windows)
        package_windows
        name=$(windows_zip)
        exe=.exe count=200
        folder="build/demo/Pörtico Démo ü 中" # as an operator's folder may be called
        rm -rf "$folder"
        mkdir -p "$folder"
        quietly "unpacking the zip into \"$folder\"" unzip -q "dist/$name.zip" -d "$folder"
        folder+=/$name
        start_wine
        run=(--programs "$folder" --sdk "$folder/sdk" --toolchain "$PWD/$folder/sdk/lib/cmake/portico/windows-cross.cmake" --emulator wine)
        ;;
    *) die "demo: unknown option $1; see ./dev help" ;;
    esac
    say "the demo:"
    tests/package/run.sh "${run[@]}" --work build/demo/work --connections 50 --count "$count"
    if [ -n "$exe" ]; then
        say "the README's three commands:"
        tests/package/windows_readme.sh "$folder"
    fi
    say "the demo passed"

    [ -n "$exe" ] || folder+=/lib/portico
    echo
    echo "Try it yourself:"
    echo "    cd \"$folder\""
    if [ -n "$exe" ]; then
        echo "    export WINEPREFIX=\"$WINEPREFIX\" WINEDEBUG=-all"
        echo "    wine ./host.exe --config config/demo.json            # echo on port 5000, ack on 5001, pingpong on 5002, redis_like on 5003; Ctrl-C stops it"
        echo "    wine ./client.exe 127.0.0.1 5000                     # in another terminal: asks for a message, threads and sends"
    else
        echo "    ./host --config config/demo.json                     # echo on port 5000, ack on 5001, pingpong on 5002, redis_like on 5003; Ctrl-C stops it"
        echo "    ./client 127.0.0.1 5000                              # in another terminal: asks for a message, threads and sends"
        echo "    ./client 127.0.0.1 5000 --size 1-60000 --connections 200 --count 500 --depth 8"
    fi
    echo "The protocols that were dropped in: examples/minimal_c/pingpong.c, examples/redis_like"
}
