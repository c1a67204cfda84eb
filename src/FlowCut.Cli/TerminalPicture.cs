using System.Text;
using FlowCut.Models.Imaging;

namespace FlowCut.Cli;

/// <summary>A picture as text: each character is an upper half block, two pixels one above the other in their colours.</summary>
internal static class TerminalPicture
{
    private const int UsualColumns = 80, MostColumns = 96;

    /// <summary>Of the colours that a terminal can set (ECMA-48's SGR, ISO 8613-6): 24 bits, or a cube of 6 × 6 × 6.</summary>
    internal enum Colors
    {
        None,
        Cube,
        Direct,
    }

    /// <summary>What standard error can show, by the variables that terminals set for this (no-color.org among them).</summary>
    public static Colors OfStandardError() => Console.IsErrorRedirected ? Colors.None : ColorsOf(Environment.GetEnvironmentVariable);

    /// <param name="variable">The environment's.</param>
    public static Colors ColorsOf(Func<string, string?> variable)
    {
        if (!string.IsNullOrEmpty(variable("NO_COLOR"))) return Colors.None;
        var terminal = variable("TERM") ?? "";
        if (variable("COLORTERM") is "truecolor" or "24bit" || terminal.EndsWith("-direct", StringComparison.Ordinal) || variable("WT_SESSION") is not null) return Colors.Direct;
        return terminal.Contains("256color", StringComparison.Ordinal) ? Colors.Cube : Colors.None;
    }

    /// <summary>Columns that suit standard error.</summary>
    public static int ColumnsOfTerminal()
    {
        try
        {
            // 0: a terminal without a size
            return Console.WindowWidth > 1 ? Math.Min(Console.WindowWidth - 1, MostColumns) : UsualColumns;
        }
        catch (IOException)
        {
            return UsualColumns;
        }
    }

    /// <summary>Lines of at most <paramref name="columns"/> characters, all colours reset at their ends.</summary>
    public static string Draw(RgbImage picture, int columns, Colors colors)
    {
        var width = Math.Min(columns, picture.Width);
        var lines = Math.Max(1, (int)Math.Round(picture.Height * (double)width / picture.Width / 2));
        var small = PillowResampler.Resize(picture, width, 2 * lines);
        var text = new StringBuilder(lines * width * 30);
        for (var line = 0; line < lines; line++)
        {
            for (var x = 0; x < width; x++)
            {
                Append(text, 38, small, x, 2 * line, colors);
                Append(text, 48, small, x, 2 * line + 1, colors);
                text.Append('▀');
            }

            text.Append("\u001b[0m\n");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, int ground, RgbImage picture, int x, int y, Colors colors)
    {
        var pixel = picture.Pixels.AsSpan((y * picture.Width + x) * 3, 3);
        text.Append($"\u001b[{ground};");
        if (colors == Colors.Direct) text.Append($"2;{pixel[0]};{pixel[1]};{pixel[2]}m");
        else text.Append($"5;{16 + 36 * Step(pixel[0]) + 6 * Step(pixel[1]) + Step(pixel[2])}m");
    }

    /// <summary>Of the cube's 0, 95, 135, 175, 215, 255 the nearest.</summary>
    private static int Step(byte value) => value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}
