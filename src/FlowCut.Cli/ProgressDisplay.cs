using FlowCut.Models;

namespace FlowCut.Cli;

/// <summary>
/// Bars on standard error: drawn on a terminal only, plain silence otherwise. Own code because a bar that lives beside
/// streamed output must never touch standard output or leave a line behind.
/// </summary>
internal sealed class ProgressDisplay(bool quiet)
{
    private const int Width = 30;

    private readonly bool _visible = !quiet && !Console.IsErrorRedirected;

    public Bar Start(string what) => new(_visible, what);

    internal sealed class Bar(bool visible, string what) : IProgress<LoadProgress>, IDisposable
    {
        public void Report(LoadProgress value) => Report(value.Part, value.Fraction);

        public void Report(string part, double fraction)
        {
            if (!visible) return;
            var filled = (int)Math.Round(Math.Clamp(fraction, 0, 1) * Width);
            Console.Error.Write($"\r{what} [{new string('█', filled)}{new string('░', Width - filled)}] {part}\u001b[K");
        }

        public void Dispose()
        {
            if (visible) Console.Error.Write("\r\u001b[K");
        }
    }
}
