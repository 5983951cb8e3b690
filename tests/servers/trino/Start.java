/** Starts the server: what the class io.trino.server.TrinoServer of the packed server does, which Maven Central lacks. */
public final class Start {
    private Start() {}

    public static void main(String[] arguments) {
        new io.trino.server.Server().start(io.trino.server.Server.class.getPackage().getImplementationVersion());
    }
}
