using System.Text;
using FlowCut.Models.Generation;

namespace FlowCut.Cli;

/// <summary>Streams an answer to a writer.</summary>
internal static class AnswerPrinter
{
    /// <summary>Prints the pieces as they come and a line end after them; a cancelled answer is printed as far as it got.</summary>
    /// <returns>The whole text.</returns>
    public static async Task<string> Print(Answer answer, TextWriter output, ProgressDisplay progress, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var bar = progress.Start("reading");
        bar.Report("picture and prompt", 0.5);
        try
        {
            await foreach (var piece in answer.WithCancellation(cancellation))
            {
                bar.Dispose();
                text.Append(piece.Text);
                await output.WriteAsync(piece.Text);
                await output.FlushAsync(CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // what was printed stays; the caller sees FinishReason.Cancelled
        }
        finally
        {
            bar.Dispose();
        }

        await output.WriteLineAsync();
        return text.ToString();
    }
}
